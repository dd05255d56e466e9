"""Alembic's own entry: runs the revisions on the connection that `migrate.py` hands over."""

from alembic import context

from datadir.migrations.migrate import metadata_of_all_tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata_of_all_tables(),
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
