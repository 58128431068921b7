"""Says what was measured: tables, the manifest, and the files of a run."""
