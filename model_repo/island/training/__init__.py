"""How the island's models are trained, judged and described; what each one is lies in its own
package."""
