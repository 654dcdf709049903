#include "supportd/staff/staff_store.h"

enum {
    CUSTOMER,
    BY_SUBJECT,
    LOGIN_LOOKUP,
    LOGIN_RESULT,
    SESSION_CREATE,
    SESSION_LOOKUP,
    SESSION_DELETE,
    ME,
    LIST,
    CREATE,
    SET_ROLE,
    DEACTIVATE,
    DENIED,
    AUDIT_LIST,
    SETTINGS,
    SETTING_SET,
    PARTITIONS,
    SESSIONS_PURGE,
    SIGNALS_PURGE,
    SET_PASSWORD,
    CUSTOMER_GET,
};

static const struct sup_pg_stmt stmts[] = {
    /* May wait for a twin's insert. */
    [CUSTOMER] = {"customer_upsert",
                  "select * from support.customer_upsert($1,$2,$3,$4,$5,$6,$7,$8)", 8,
                  SUP_PG_RANK_REST, SUP_PG_RETRY | SUP_PG_ALONE},
    [BY_SUBJECT] = {"staff_by_subject", "select * from support.staff_by_subject($1,$2,$3)", 3,
                    SUP_PG_RANK_REST, SUP_PG_READ},
    [LOGIN_LOOKUP] = {"staff_login_lookup", "select * from support.staff_login_lookup($1,$2)", 2,
                      SUP_PG_RANK_REST, SUP_PG_READ},
    /* Counts a failed attempt: not to be sent twice. */
    [LOGIN_RESULT] = {"staff_login_result", "select * from support.staff_login_result($1,$2,$3,$4)",
                      4, SUP_PG_RANK_REST, 0},
    [SESSION_CREATE] = {"staff_session_create",
                        "select * from support.staff_session_create($1,$2,$3,$4,$5)", 5,
                        SUP_PG_RANK_REST, 0},
    [SESSION_LOOKUP] = {"staff_session_lookup", "select * from support.staff_session_lookup($1,$2)",
                        2, SUP_PG_RANK_REST, SUP_PG_READ},
    [SESSION_DELETE] = {"staff_session_delete",
                        "select * from support.staff_session_delete($1,$2,$3)", 3, SUP_PG_RANK_REST,
                        SUP_PG_RETRY},
    [ME] = {"staff_me", "select * from support.staff_me($1)", 1, SUP_PG_RANK_REST, SUP_PG_READ},
    [LIST] = {"staff_list", "select * from support.staff_list($1)", 1, SUP_PG_RANK_REST,
              SUP_PG_READ},
    [CREATE] = {"staff_create",
                "select * from support.staff_create($1,$2,$3,$4,$5,null,$6,$7,$8,$9)", 9,
                SUP_PG_RANK_REST, SUP_PG_RETRY},
    [SET_ROLE] = {"staff_set_role", "select * from support.staff_set_role($1,$2,$3,$4)", 4,
                  SUP_PG_RANK_REST, SUP_PG_RETRY},
    [DEACTIVATE] = {"staff_deactivate", "select * from support.staff_deactivate($1,$2,$3)", 3,
                    SUP_PG_RANK_ROUTER, SUP_PG_RETRY | SUP_PG_ALONE},
    [SET_PASSWORD] = {"staff_set_password", "select * from support.staff_set_password($1,$2,$3,$4)",
                      4, SUP_PG_RANK_REST, SUP_PG_RETRY},
    [CUSTOMER_GET] = {"customer_get", "select * from support.customer_get($1,$2,$3)", 3,
                      SUP_PG_RANK_REST, SUP_PG_RETRY},
    [DENIED] = {"audit_denied", "select * from support.audit_denied($1,$2,null,null,$3,$4)", 4,
                SUP_PG_RANK_REST, 0},
    [AUDIT_LIST] = {"audit_list", "select * from support.audit_list($1,$2,$3)", 3, SUP_PG_RANK_REST,
                    SUP_PG_READ},
    [SETTINGS] = {"setting_get_all", "select * from support.setting_get_all($1)", 1,
                  SUP_PG_RANK_REST, SUP_PG_READ},
    [SETTING_SET] = {"setting_set", "select * from support.setting_set($1,$2,$3,$4)", 4,
                     SUP_PG_RANK_REST, SUP_PG_RETRY},
    [PARTITIONS] = {"partitions_ensure", "select * from support.partitions_ensure($1,$2)", 2,
                    SUP_PG_RANK_REST, SUP_PG_RETRY | SUP_PG_ALONE},
    [SESSIONS_PURGE] = {"staff_sessions_purge", "select * from support.staff_sessions_purge($1)", 1,
                        SUP_PG_RANK_REST, SUP_PG_RETRY},
    [SIGNALS_PURGE] = {"signal_purge", "select * from support.signal_purge($1)", 1,
                       SUP_PG_RANK_REST, SUP_PG_RETRY},
};

const struct sup_pg_stmt_table sup_staff_stmts = SUP_PG_TABLE(stmts);

#define AUTH "system:auth"

enum { PARTITION_MONTHS = 3 /* made ahead of the present one */ };

static sup_err run(struct sup_pg_pool *pool, int stmt, struct sup_pg_params *params, sup_pg_cb cb,
                   void *arg)
{
    sup_err err = sup_pg_exec(pool, &stmts[stmt], params, NULL, cb, arg, NULL);
    sup_pg_params_fini(params);
    return err;
}

sup_err sup_staff_store_customer(struct sup_pg_pool *pool, const struct sup_customer_claims *claims,
                                 const char *request, sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, AUTH);
    sup_pg_add_id(&p, sup_id_new());
    sup_pg_add_text(&p, claims->issuer);
    sup_pg_add_text(&p, claims->subject);
    sup_pg_add_text(&p, claims->name);
    sup_pg_add_text(&p, claims->email);
    sup_pg_add_text(&p, claims->language);
    sup_pg_add_text(&p, request);
    return run(pool, CUSTOMER, &p, cb, arg);
}

sup_err sup_staff_store_by_subject(struct sup_pg_pool *pool, const char *issuer,
                                   const char *subject, sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, AUTH);
    sup_pg_add_text(&p, issuer);
    sup_pg_add_text(&p, subject);
    return run(pool, BY_SUBJECT, &p, cb, arg);
}

sup_err sup_staff_store_login_lookup(struct sup_pg_pool *pool, const char *email, sup_pg_cb cb,
                                     void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, AUTH);
    sup_pg_add_text(&p, email);
    return run(pool, LOGIN_LOOKUP, &p, cb, arg);
}

sup_err sup_staff_store_login_result(struct sup_pg_pool *pool, struct sup_id staff, bool ok,
                                     const char *request, sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, AUTH);
    sup_pg_add_id(&p, staff);
    sup_pg_add_bool(&p, ok);
    sup_pg_add_text(&p, request);
    return run(pool, LOGIN_RESULT, &p, cb, arg);
}

sup_err sup_staff_store_session_create(struct sup_pg_pool *pool, struct sup_id staff,
                                       const uint8_t token[SUP_TOKEN_HASH_LEN],
                                       const uint8_t csrf[SUP_TOKEN_HASH_LEN], const char *request,
                                       sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, AUTH);
    sup_pg_add_id(&p, staff);
    sup_pg_add_bytes(&p, token, SUP_TOKEN_HASH_LEN);
    sup_pg_add_bytes(&p, csrf, SUP_TOKEN_HASH_LEN);
    sup_pg_add_text(&p, request);
    return run(pool, SESSION_CREATE, &p, cb, arg);
}

sup_err sup_staff_store_session_lookup(struct sup_pg_pool *pool,
                                       const uint8_t token[SUP_TOKEN_HASH_LEN], sup_pg_cb cb,
                                       void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, AUTH);
    sup_pg_add_bytes(&p, token, SUP_TOKEN_HASH_LEN);
    return run(pool, SESSION_LOOKUP, &p, cb, arg);
}

sup_err sup_staff_store_session_delete(struct sup_pg_pool *pool,
                                       const uint8_t token[SUP_TOKEN_HASH_LEN], const char *request,
                                       sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, AUTH);
    sup_pg_add_bytes(&p, token, SUP_TOKEN_HASH_LEN);
    sup_pg_add_text(&p, request);
    return run(pool, SESSION_DELETE, &p, cb, arg);
}

sup_err sup_staff_store_me(struct sup_pg_pool *pool, const char *actor, sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, actor);
    return run(pool, ME, &p, cb, arg);
}

sup_err sup_staff_store_list(struct sup_pg_pool *pool, const char *actor, sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, actor);
    return run(pool, LIST, &p, cb, arg);
}

sup_err sup_staff_store_create(struct sup_pg_pool *pool, const char *actor,
                               const struct sup_staff_new *staff, sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, actor);
    sup_pg_add_id(&p, staff->id);
    sup_pg_add_text(&p, staff->email);
    sup_pg_add_text(&p, staff->name);
    sup_pg_add_text(&p, staff->role);
    sup_pg_add_text(&p, staff->issuer);
    sup_pg_add_text(&p, staff->subject);
    sup_pg_add_text(&p, staff->password_hash);
    sup_pg_add_text(&p, staff->request);
    return run(pool, CREATE, &p, cb, arg);
}

sup_err sup_staff_store_set_role(struct sup_pg_pool *pool, const char *actor, struct sup_id staff,
                                 const char *role, const char *request, sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, actor);
    sup_pg_add_id(&p, staff);
    sup_pg_add_text(&p, role);
    sup_pg_add_text(&p, request);
    return run(pool, SET_ROLE, &p, cb, arg);
}

sup_err sup_staff_store_set_password(struct sup_pg_pool *pool, const char *actor,
                                     struct sup_id staff, const char *hash, const char *request,
                                     sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, actor);
    sup_pg_add_id(&p, staff);
    sup_pg_add_text(&p, hash);
    sup_pg_add_text(&p, request);
    return run(pool, SET_PASSWORD, &p, cb, arg);
}

sup_err sup_staff_store_customer_get(struct sup_pg_pool *pool, const char *actor,
                                     struct sup_id customer, const char *request, sup_pg_cb cb,
                                     void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, actor);
    sup_pg_add_id(&p, customer);
    sup_pg_add_text(&p, request);
    return run(pool, CUSTOMER_GET, &p, cb, arg);
}

sup_err sup_staff_store_deactivate(struct sup_pg_pool *pool, const char *actor, struct sup_id staff,
                                   const char *request, sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, actor);
    sup_pg_add_id(&p, staff);
    sup_pg_add_text(&p, request);
    return run(pool, DEACTIVATE, &p, cb, arg);
}

sup_err sup_staff_store_denied(struct sup_pg_pool *pool, const char *actor, const char *action,
                               const char *reason, const char *request, sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, actor);
    sup_pg_add_text(&p, action);
    sup_pg_add_text(&p, reason);
    sup_pg_add_text(&p, request);
    return run(pool, DENIED, &p, cb, arg);
}

sup_err sup_staff_store_audit_list(struct sup_pg_pool *pool, const char *actor, int64_t before,
                                   int limit, sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, actor);
    if (before < 0)
        sup_pg_add_null(&p);
    else
        sup_pg_add_int(&p, before);
    sup_pg_add_int(&p, limit);
    return run(pool, AUDIT_LIST, &p, cb, arg);
}

sup_err sup_staff_store_settings(struct sup_pg_pool *pool, const char *actor, sup_pg_cb cb,
                                 void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, actor);
    return run(pool, SETTINGS, &p, cb, arg);
}

sup_err sup_staff_store_setting_set(struct sup_pg_pool *pool, const char *actor, const char *key,
                                    const json_t *value, const char *request, sup_pg_cb cb,
                                    void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, actor);
    sup_pg_add_text(&p, key);
    sup_pg_add_json(&p, value);
    sup_pg_add_text(&p, request);
    return run(pool, SETTING_SET, &p, cb, arg);
}

sup_err sup_staff_store_upkeep(struct sup_pg_pool *pool, enum sup_staff_upkeep what, sup_pg_cb cb,
                               void *arg)
{
    static const struct {
        int stmt;
        const char *actor;
    } of[] = {
        [SUP_UPKEEP_PARTITIONS] = {PARTITIONS, "system:retention"},
        [SUP_UPKEEP_SESSIONS] = {SESSIONS_PURGE, AUTH},
        [SUP_UPKEEP_SIGNALS] = {SIGNALS_PURGE, "system:retention"},
    };
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, of[what].actor);
    if (what == SUP_UPKEEP_PARTITIONS)
        sup_pg_add_int(&p, PARTITION_MONTHS);
    return run(pool, of[what].stmt, &p, cb, arg);
}
