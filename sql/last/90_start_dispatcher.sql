-- Last: at COMMIT a dispatcher comes up in this database. A rollback starts nothing.
SELECT temporal_internal.extension_created();
