//! Moves a catalog forward: a catalog and one op in, the catalog after it out.
