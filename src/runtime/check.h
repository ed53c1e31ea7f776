/*-------------------------------------------------------------------------
 * runtime/check.h - the static check of workflow code.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_RUNTIME_CHECK_H
#define TPG_RUNTIME_CHECK_H

#include "nodes/pg_list.h"
#include "nodes/primnodes.h"
#include "storage/itemptr.h"

typedef enum TpgSeverity
{
	TPG_SEVERITY_NOTE,			/* cannot be looked at */
	TPG_SEVERITY_WARNING,		/* deterministic, but hardly what was meant; or known only when it runs */
	TPG_SEVERITY_ERROR			/* a replay may see something else */
} TpgSeverity;

typedef struct TpgFinding
{
	TpgSeverity severity;
	const char *function;		/* "public.f(integer)" */
	int			line;			/* of its body; 0: not known */
	const char *expression;		/* may be NULL */
	const char *reason;			/* "now() reads the clock" */
	const char *instead;		/* what to call instead; may be NULL */
} TpgFinding;

/* A function that was looked at. */
typedef struct TpgChecked
{
	Oid			function;
	TransactionId xmin;			/* which version of it */
	ItemPointerData tid;
	const FuncExpr *call;		/* how it is called; NULL: the one to begin with */
} TpgChecked;

/* What pinning wants to know: a call, or (no function) a place where calls cannot be seen. */
typedef struct TpgReached
{
	Oid			function;
	bool		by_name;		/* the source has its name, with a schema or without; else it is bound otherwise */
	Oid			calls;			/* the function that does it */
	const char *caller;			/* the same as "public.f(integer)" */
	int			line;			/* 0: not known */
	const char *why;			/* no function: what cannot be seen */
	bool		is_copy;		/* for runtime/pin */
} TpgReached;

typedef struct TpgCheck
{
	MemoryContext context;		/* all of it */
	const char *name;			/* of the function */
	List	   *findings;		/* of TpgFinding */
	List	   *functions;		/* of TpgChecked: itself and all that it calls */
	bool		reaching;		/* keeps what follows; looks also into code that wants no check */
	List	   *reached;		/* of TpgReached, functions of PostgreSQL itself left out */

	/* where the check is now */
	Oid			function;
	const char *signature;
	const char *source;			/* text that locations of nodes refer to */
	bool		source_is_body; /* else a piece of it, whose line is known */
	int			line;
	const char *expression;
	int			nwaits;			/* calls that wait, so far */
} TpgCheck;

/*
 * Checks a function and those that it calls, in a memory context below the current
 * one, under the settings in force.  Runs none of it, and leaves nothing behind.
 */
extern TpgCheck *tpg_check_function(Oid function);

/* The same of a call: defaults of arguments that it gives itself don't count. */
extern TpgCheck *tpg_check_call(const FuncExpr *call);

/* The same for several, together, to learn what they reach. */
extern TpgCheck *tpg_check_reach(const List *functions);

extern int	tpg_check_count(const TpgCheck *check, TpgSeverity severity);

/* "Line 3: now() reads the clock" and so on, for a DETAIL: at most three of the severity. */
extern char *tpg_check_summary(const TpgCheck *check, TpgSeverity severity);

/* The first advice for a finding of the severity, as a HINT; or NULL. */
extern char *tpg_check_hint(const TpgCheck *check, TpgSeverity severity);

/* ---------- for the files of the check ---------- */

extern void tpg_check_find(TpgCheck *check, TpgSeverity severity, int location, const char *reason, const char *instead);

/* This one is called as well: it is looked at later. */
extern void tpg_check_add_function(TpgCheck *check, Oid function, const FuncExpr *call);

/* This one is called there; node: how (may be NULL).  InvalidOid: something may be, as `why` says. */
extern void tpg_check_reached(TpgCheck *check, Oid function, Node *node, const char *why);

/* Calls it in a subtransaction that is rolled back; its error becomes a finding. */
extern void tpg_check_guarded(TpgCheck *check, void (*what) (TpgCheck *check, void *arg), void *arg);

#endif							/* TPG_RUNTIME_CHECK_H */
