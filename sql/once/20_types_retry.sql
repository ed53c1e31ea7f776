-- Retry policies: a type and the function that makes one.

CREATE TYPE temporal.retry_policy AS (
	initial_interval			interval,
	backoff_coefficient			double precision,
	maximum_interval			interval,
	maximum_attempts			integer,
	non_retryable_error_types	text[]
);
COMMENT ON TYPE temporal.retry_policy IS 'When a failed activity or workflow is tried again. A field that is NULL has its default. Make one with temporal.retry_policy(...).';

CREATE FUNCTION temporal.retry_policy(
	initial_interval interval DEFAULT '1 second',
	backoff_coefficient double precision DEFAULT 2.0,
	maximum_interval interval DEFAULT NULL,
	maximum_attempts integer DEFAULT 0,
	non_retryable_error_types text[] DEFAULT NULL)
RETURNS temporal.retry_policy
LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'tpg_sql_retry_policy';
COMMENT ON FUNCTION temporal.retry_policy(interval, double precision, interval, integer, text[]) IS
$$A retry policy, checked.

initial_interval: delay before the second attempt.
backoff_coefficient: factor from one delay to the next, at least 1.
maximum_interval: longest delay; 100 times initial_interval when not given.
maximum_attempts: attempts in all, the first included; 0 is no limit, 1 is no retry.
non_retryable_error_types: types of application failures that are not tried again: types given to raise_application_error, SQLSTATEs of SQL errors, and TemporalTimeout:StartToClose or TemporalTimeout:Heartbeat.

The delay after attempt n is initial_interval * backoff_coefficient ^ (n - 1), at most maximum_interval.
Errors: 22023 for values out of range, 22004 for a NULL among the types.$$;
