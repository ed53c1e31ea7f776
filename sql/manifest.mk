# The order of the install script: the only place that knows it.
SQL_FRAGMENTS = \
	$(sort $(wildcard sql/once/*.sql)) \
	$(sort $(wildcard sql/again/*.sql)) \
	$(sort $(wildcard sql/last/*.sql))
