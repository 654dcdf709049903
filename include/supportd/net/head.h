/* The head of an HTTP/1.x request: whether bytes begin with one, and what it says.
 *
 * Layer: net. Pure: no I/O, no lws. Thread: any.
 * Source: RFC 9112 sections 2 to 5, RFC 9110 sections 5.5, 7.2, 15. */
#ifndef SUPPORTD_NET_HEAD_H
#define SUPPORTD_NET_HEAD_H
#include <stdbool.h>
#include <stddef.h>

enum {
    SUP_HEAD_MAX = 16384, /* bytes, and 8 more for each header line */
    SUP_HEAD_LINES = 60,  /* header lines */
    SUP_HEAD_WORD = 24,
    SUP_HEAD_BLANKS =
        4, /* empty lines before a request line (RFC 9112 section 2.2: at least one) */
};

enum sup_head_state {
    SUP_HEAD_MORE,    /* right so far */
    SUP_HEAD_DONE,    /* a whole head; what follows was not read */
    SUP_HEAD_REFUSED, /* status, code and detail say why */
};

struct sup_head {
    enum sup_head_state state;
    unsigned status;
    const char *code; /* static */
    char detail[112]; /* where, and what would be right; never quotes input */
    size_t bytes;     /* read so far */
    size_t blank;     /* of them, those of empty lines before the request line */
    /* Private. */
    int step;
    size_t lines, pieces, hosts, escape, octet;
    bool method_unknown, query;
    char word[SUP_HEAD_WORD + 1]; /* what is being read: method, version, name */
    size_t word_len;              /* of the word itself, may be more than fits */
};

/* Ready for the first byte of a head. */
void sup_head_init(struct sup_head *head);

/* Reads on; parts may be cut anywhere. After an end it changes nothing any more. */
enum sup_head_state sup_head_feed(struct sup_head *head, const char *data, size_t len);

/* A part of a head; borrowed from its bytes. */
struct sup_head_text {
    const char *p;
    size_t len;
};

struct sup_head_line {
    struct sup_head_text method, target, version;
};

/* Takes the request line from a whole head, which begins with it; *head: what follows. The head is
 * one that sup_head_feed() has found right. */
struct sup_head_line sup_head_take_line(struct sup_head_text *head);
/* Takes the next header line; the value is without blanks around it. False: there is none left. */
bool sup_head_take_field(struct sup_head_text *head, struct sup_head_text *ret_name,
                         struct sup_head_text *ret_value);
#endif
