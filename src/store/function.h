/*-------------------------------------------------------------------------
 *
 * function.h
 *	  Functions by name: as users write them, and as the tables keep them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_STORE_FUNCTION_H
#define TPG_STORE_FUNCTION_H

/* A function as the tables keep it: text only, valid after dump, restore and pg_upgrade. */
typedef struct TpgFunctionName
{
	char	   *schema;
	char	   *name;
	char	   *arguments;		/* types, schema-qualified, separated by ", " */
} TpgFunctionName;

/*
 * A function as a user names it: greet, app.greet or greet(text), looked up in
 * the search_path.  42883, 42725 with a HINT when there is none or more than one.
 */
extern Oid	tpg_function_by_text(const char *text);

/* InvalidOid when there is none now.  Needs no rights and no search_path. */
extern Oid	tpg_function_by_name(const TpgFunctionName *name);

extern TpgFunctionName *tpg_function_name(Oid function);
extern Oid	tpg_function_owner(Oid function);

/* "app.greet(text)", for messages */
extern char *tpg_function_signature(const TpgFunctionName *name);

#endif							/* TPG_STORE_FUNCTION_H */
