/*
 * For LD_PRELOAD: some names take long to look up, as where a name server does not answer;
 * one leads to the addresses in the file TEMPORAL_PG_NAMES, as they are there then.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int (*lookup) (const char *, const char *, const struct addrinfo *, struct addrinfo **);

int
getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **result)
{
	lookup		real = (lookup) dlsym(RTLD_NEXT, "getaddrinfo");

	if (node != NULL && strncmp(node, "slow-to-look-up.", 16) == 0)
	{
		sleep(60);
		return EAI_AGAIN;
	}
	if (node != NULL && strcmp(node, "changing.nowhere.invalid") == 0)
	{
		char		address[2][64];
		struct addrinfo *second;
		FILE	   *file = fopen(getenv("TEMPORAL_PG_NAMES"), "r");
		int			n = file ? fscanf(file, "%63s %63s", address[0], address[1]) : 0;
		int			rc;

		if (file)
			fclose(file);
		if (n < 1)
			return EAI_NONAME;
		rc = real(address[0], service, hints, result);
		if (rc == 0 && n == 2 && real(address[1], service, hints, &second) == 0)
		{
			struct addrinfo *last = *result;

			while (last->ai_next)
				last = last->ai_next;
			last->ai_next = second;
		}
		return rc;
	}
	return real(node, service, hints, result);
}
