-- What activities of type http may request, and what is filled into their requests.

CREATE TABLE temporal_internal.http_access (
	namespace_id	integer NOT NULL REFERENCES temporal_internal.namespace ON DELETE CASCADE,
	role_name		text NOT NULL,
	url				text NOT NULL,
	PRIMARY KEY (namespace_id, role_name, url)
);
COMMENT ON TABLE temporal_internal.http_access IS 'URLs, by their beginning, that workflows whose functions belong to a role may request. Roles by name, as in table access.';

CREATE TABLE temporal_internal.secret (
	namespace_id	integer NOT NULL REFERENCES temporal_internal.namespace ON DELETE CASCADE,
	name			text NOT NULL,
	role_name		text NOT NULL,
	url				text,
	value			text NOT NULL,
	set_at			timestamptz NOT NULL DEFAULT pg_catalog.now(),
	PRIMARY KEY (namespace_id, name)
);
-- the owner reads it; members of pg_read_all_data, who read every other table, don't
ALTER TABLE temporal_internal.secret ENABLE ROW LEVEL SECURITY;
COMMENT ON TABLE temporal_internal.secret IS 'What the HTTP process fills into requests, and nobody else reads. Not dumped: whoever restores a dump sets them again.';
COMMENT ON COLUMN temporal_internal.secret.role_name IS 'Workflows of which role may use it.';
COMMENT ON COLUMN temporal_internal.secret.url IS 'Only requests to URLs that begin so may have it; null: any that is granted.';

SELECT pg_catalog.pg_extension_config_dump('temporal_internal.http_access', '');
