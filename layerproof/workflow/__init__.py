"""Load, plan, do: each workflow takes an Engine and gives values back. Nothing here prints or exits."""
