"""The database: engine and transactions, tables, migrations. Subjects keep their own queries."""
