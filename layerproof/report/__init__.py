"""Results to something to show: rich renderables (`text`, `live`) and JSON (`document`). Returns, never prints."""
