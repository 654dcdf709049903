/* Shared inside the folder: the table's rows and the state of one load. */
#ifndef SUPPORTD_SRC_CONFIG_INTERNAL_H
#define SUPPORTD_SRC_CONFIG_INTERNAL_H
#include <libconfig.h>

#include "supportd/config/config.h"

enum row_type {
    ROW_STRING, /* char * */
    ROW_SECRET, /* char *, wiped; also by file */
    ROW_INT,    /* int64_t */
    ROW_MS,     /* int64_t milliseconds; text may carry ms, s, m, h, d */
    ROW_BYTES,  /* int64_t; text may carry B, KiB, MiB, GiB */
    ROW_BOOL,   /* bool */
    ROW_LIST,   /* struct sup_config_list */
    ROW_SITES,  /* struct sup_config_sites */
};

/* NULL when value is good, else what would be right. Static storage. */
typedef const char *(*row_check)(const char *value);

struct row {
    const char *name; /* "section.name" */
    enum row_type type;
    size_t offset;     /* in struct sup_config */
    int64_t min, max;  /* number; bytes of a string that is set; elements of a list */
    const char *value; /* default, as it would stand in the environment */
    bool reload;
    const char *choices; /* "a|b|c", for a string or each element; NULL: any */
    row_check check;     /* of a string that is set, or each element; may be NULL */
    const char *help;
};

struct section {
    const char *name, *help;
};

enum { ROWS_MAX = 160, LIST_MAX = 256, VALUE_MAX_LEN = 4096, FILE_MAX_LEN = 1024 * 1024 };

extern const struct row config_rows[];
extern const size_t config_row_count;
extern const struct section config_sections[];
extern const size_t config_section_count;

/* Where a value stands: file and line, or a variable, or neither (the default). */
struct place {
    const char *file; /* borrowed while the load lasts */
    unsigned line;
    char *variable; /* owned */
};

struct load {
    const struct sup_config_opts *opts;
    struct sup_config *config;
    struct sup_buf *problems;
    size_t problem_count;
    bool no_memory;
    struct place places[ROWS_MAX]; /* by row: where its present value came from */
};

/* Row of a full name, NULL if there is none. */
const struct row *config_row_find(const char *name);
/* The row that name was probably meant to be, or NULL. */
const struct row *config_row_near(const char *name);
/* "SUPPORTD_SECTION_NAME" */
void config_row_variable(const struct row *row, char *ret_name, size_t size);

/* Appends "place: key: text"; key may be NULL. */
void config_problem(struct load *load, const struct place *place, const char *key, const char *fmt,
                    ...) SUP_PRINTF(4, 5);
/* Appends what a row takes: "a whole number from 1 to 16". */
sup_err config_row_expectation(const struct row *row, struct sup_buf *out);

/* Each sets the row's field, replacing what it held, or adds problems and leaves it. */
void config_set_text(struct load *load, const struct row *row, const struct place *place,
                     const char *text);
void config_set_setting(struct load *load, const struct row *row, const struct place *place,
                        const config_setting_t *setting);
/* Empties the field; fine on a zeroed one. */
void config_row_clear(struct sup_config *config, const struct row *row);

/* Rules over several settings. */
void config_check_together(struct load *load);
#endif
