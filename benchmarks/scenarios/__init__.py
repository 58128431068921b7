"""What is measured. A scenario is a module with `build(...) -> Scenario`."""
