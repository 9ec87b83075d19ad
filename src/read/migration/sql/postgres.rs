//! PostgreSQL scripts to statements: text and the regions that run in, ops with byte spans out.
