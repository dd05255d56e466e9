"""May this viewer have it? The one door of each record, as predicates over a level and as data in the scope."""
