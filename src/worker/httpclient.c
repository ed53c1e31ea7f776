/*-------------------------------------------------------------------------
 *
 * httpclient.c
 *	  Library temporal_pg_http: loading it, its settings.
 *
 * Called by worker/http, outside of transactions; by sessions that grant URLs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <sys/resource.h>

#include "fmgr.h"
#include "storage/fd.h"
#include "utils/memutils.h"

#include "base/httpguc.h"
#include "worker/httpclient.h"

/* descriptors that are for something else */
#define OTHER_DESCRIPTORS 200

int
tpg_http_client_configure(const TpgHttpClient *client)
{
	TpgHttpConfig config = {
		.allow = tpg_guc_http_allow,
		.allow_private = tpg_guc_http_allow_private,
		.ca_file = tpg_guc_http_ca_file,
		.max_per_host = tpg_guc_http_max_connections_per_host,
		.max_memory = (size_t) tpg_guc_http_max_memory * 1024
	};
	struct rlimit limit;
	int			max_in_flight = tpg_guc_http_max_in_flight;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
	{
		rlim_t		wanted = (rlim_t) max_in_flight + max_files_per_process + OTHER_DESCRIPTORS;

		if (limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < wanted)
		{
			limit.rlim_cur = limit.rlim_max == RLIM_INFINITY ? wanted : Min(wanted, limit.rlim_max);
			(void) setrlimit(RLIMIT_NOFILE, &limit);
			(void) getrlimit(RLIMIT_NOFILE, &limit);
		}
		if (limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < wanted)
		{
			max_in_flight = (int) Max(limit.rlim_cur / 2, 10);
			ereport(LOG,
					(errmsg("temporal_pg makes at most %d requests at a time", max_in_flight),
					 errdetail("The server may open %lu files a process, which is too few for temporal_pg.http_max_in_flight.",
							   (unsigned long) limit.rlim_cur),
					 errhint("Raise the limit of open files (ulimit -n) of the server.")));
		}
	}
	if (client != NULL && !client->configure(&config))
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("could not configure libcurl")));
	return max_in_flight;
}

/* Without it each request fails, and says why. */
const TpgHttpClient *
tpg_http_client_load(void)
{
	MemoryContext old = CurrentMemoryContext;
	const TpgHttpClient *volatile client = NULL;

	PG_TRY();
	{
		TpgHttpClientOpen open = (TpgHttpClientOpen) load_external_function(TPG_HTTP_LIBRARY, TPG_HTTP_ENTRY, true, NULL);

		client = open();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(old);
		EmitErrorReport();
		FlushErrorState();
		client = NULL;
	}
	PG_END_TRY();
	return client;
}

char *
tpg_http_client_url_form(const char *url, const char **problem, char **meant)
{
	static TpgHttpUrlForm form_of = NULL;
	size_t		space = strlen(url) * 3 + 100;
	char	   *form = palloc(space);
	MemoryContext old = CurrentMemoryContext;

	PG_TRY();
	{
		if (form_of == NULL)
			form_of = (TpgHttpUrlForm) load_external_function(TPG_HTTP_LIBRARY, TPG_HTTP_URL_FORM, true, NULL);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(old);
		error = CopyErrorData();
		FlushErrorState();
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("library temporal_pg_http could not be loaded"),
				 errdetail("It reads URLs as it requests them: %s.", error->message),
				 errhint("It needs libcurl, and that temporal_pg was built with WITH_HTTP=yes.")));
	}
	PG_END_TRY();
	*problem = form_of(url, form, space);
	*meant = *problem != NULL && form[0] != '\0' ? form : NULL;
	return *problem != NULL ? NULL : form;
}
