-- Heartbeats of activities that run in the database.

CREATE FUNCTION temporal.heartbeat(details "any" DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_heartbeat';
COMMENT ON FUNCTION temporal.heartbeat("any") IS
$$Called by an activity: it is alive. Its heartbeat timeout starts anew, and others see it at once in temporal.pending_activity, explain() and describe(), although what the activity does is not committed yet. Within about a second it is durable, too: the first heartbeat of an attempt at once, then the latest once a second; with details of more than 8 kB every 0.8 times the heartbeat timeout (30 seconds without one, 60 at most). A crash of the server loses what was told since.

details: progress, of any type, replacing what was told before. The next attempt finds it in (temporal.activity_info()).heartbeat_details, unless the activity is transactional: then nothing of the last attempt is left, and the next one begins from the start. The failure of a timeout tells it, too.

When the activity is asked to stop, because its workflow has cancelled it or has closed, or it was paused or reset, or temporal.stop_workers() does not wait any longer, this raises query_canceled (57014), which WHEN OTHERS does not catch, once a request; the request may also interrupt any other statement of the activity, with PostgreSQL's own message ("canceling statement due to user request"), which says nothing of it: temporal.cancellation_details() tells why in both cases. A pause or reset interrupts nothing, and is told by the next heartbeat only. An activity that lets it go on is cancelled; one that catches it and returns has completed.

Errors: 57014 it is to stop; TF005 its time is over; TP025 details larger than temporal_pg.max_payload_size; TP021 outside of an activity, or in a local one.$$;

CREATE FUNCTION temporal.cancellation_details()
RETURNS temporal.activity_cancellation_details
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_cancellation_details';
COMMENT ON FUNCTION temporal.cancellation_details() IS
$$Called by an activity that was interrupted: why it is to stop. NULL when nobody has asked for that.

An activity whose server process is told to end (a shutdown, pg_terminate_backend()) is not asked: its transaction is rolled back, and the attempt begins again elsewhere.
Errors: TP021 outside of an activity.$$;
