//! PostgreSQL physics: an op and the catalog before it in, its effect out.
