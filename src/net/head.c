#include "supportd/net/head.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "supportd/net/text.h"

enum step {
    BLANK_LF, /* of an empty line before the request line */
    METHOD,
    SCHEME, /* of a target that is a whole address, RFC 9112 section 3.2.2 */
    AUTHORITY,
    TARGET,
    VERSION,
    LINE_END, /* the LF after a CR */
    NAME,
    VALUE,
    LAST_LF,
};

__attribute__((format(printf, 4, 5))) static void refuse(struct sup_head *h, unsigned status,
                                                         const char *code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(h->detail, sizeof(h->detail), format, args);
    va_end(args);
    h->state = SUP_HEAD_REFUSED;
    h->status = status;
    h->code = code;
}

void sup_head_init(struct sup_head *head)
{
    *head = (struct sup_head){.state = SUP_HEAD_MORE, .step = METHOD};
}

static void begin_word(struct sup_head *h, enum step step)
{
    h->step = (int)step;
    h->word_len = 0;
    h->word[0] = 0;
}

static void add_to_word(struct sup_head *h, char c)
{
    if (h->word_len < SUP_HEAD_WORD) {
        h->word[h->word_len] = c;
        h->word[h->word_len + 1] = 0;
    }
    h->word_len++;
}

static bool is_token_char(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c != 0 && strchr("!#$%&'*+-.^_`|~", c));
}

static bool method_is_known(const char *word)
{
    static const char *const known[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strcmp(known[i], word) == 0)
            return true;
    return false;
}

static void on_blank(struct sup_head *h, unsigned char c)
{
    h->blank++;
    h->step = c == '\r' ? BLANK_LF : METHOD;
    if (c != '\r' && c != '\n')
        refuse(h, 400, "bad_request", "before the request line: LF must follow CR");
    else if (h->blank > 2 * SUP_HEAD_BLANKS)
        refuse(h, 400, "bad_request", "request line: at most %d empty lines before it",
               SUP_HEAD_BLANKS);
}

static void on_method(struct sup_head *h, unsigned char c)
{
    if (h->word_len == 0 && c == '\r')
        on_blank(h, c);
    else if (is_token_char(c) && h->word_len < SUP_HEAD_WORD) {
        add_to_word(h, (char)c);
    } else if (c != ' ' || h->word_len == 0) {
        refuse(h, 400, "bad_request", "request line: it must begin with a method and one space");
    } else {
        h->method_unknown = !method_is_known(h->word); /* told once the version is known */
        begin_word(h, TARGET);
    }
}

static int hex(unsigned char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* False: the escape is wrong, or means NUL. */
static bool read_escape(struct sup_head *h, unsigned char c)
{
    if (c == '%' && h->escape == 0) {
        h->escape = 2;
        h->octet = 0;
        return true;
    }
    if (h->escape == 0)
        return true;
    if (hex(c) < 0)
        return false;
    h->octet = h->octet * 16 + (size_t)hex(c);
    return --h->escape > 0 || h->octet != 0;
}

static void end_target(struct sup_head *h)
{
    if (h->word_len == 0)
        refuse(h, 400, "bad_request", "request line: the path is missing");
    else if (h->escape > 0)
        refuse(h, 400, "bad_request", "request line: after %% come two hexadecimal digits");
    else
        begin_word(h, VERSION);
}

static void on_scheme(struct sup_head *h, unsigned char c)
{
    add_to_word(h, (char)c);
    size_t len = h->word_len;
    bool http = len <= 7 && strncasecmp(h->word, "http://", len) == 0;
    bool https = len <= 8 && strncasecmp(h->word, "https://", len) == 0;
    h->step = SCHEME;
    if (!http && !https)
        refuse(h, 400, "bad_request", "request line: the path must begin with / or http://host/");
    else if (len == (http ? 7 : 8))
        begin_word(h, AUTHORITY);
}

static void on_target(struct sup_head *h, unsigned char c)
{
    if (c == ' ') {
        end_target(h);
        return;
    }
    if (h->word_len == 0 && c != '/' && !h->method_unknown) {
        on_scheme(h, c);
        return;
    }
    if (c <= 0x20 || c >= 0x7f)
        refuse(h, 400, "bad_request", "request line: a path, a space and HTTP/1.1 must follow");
    else if (!read_escape(h, c))
        refuse(h, 400, "bad_request",
               "request line: after %% come two hexadecimal digits, and never 00");
    h->query = h->query || c == '?';
    if (h->query && c == '&' && ++h->pieces >= SUP_QUERY_MAX_FIELDS)
        refuse(h, 414, "uri_too_long", "request line: a query may have %d fields",
               SUP_QUERY_MAX_FIELDS);
    h->word_len++;
}

static void on_authority(struct sup_head *h, unsigned char c)
{
    bool end = c == '/' && h->word_len > 0;
    if (!end && (c <= 0x20 || c >= 0x7f || strchr("/?#@\\", c)))
        refuse(h, 400, "bad_request", "request line: http:// is followed by a host and a path");
    h->word_len++;
    if (!end)
        return;
    begin_word(h, TARGET);
    on_target(h, c);
}

static void end_version(struct sup_head *h)
{
    const char *v = h->word;
    bool shaped = h->word_len == 8 && strncmp(v, "HTTP/", 5) == 0 && v[5] >= '0' && v[5] <= '9' &&
                  v[6] == '.' && v[7] >= '0' && v[7] <= '9';
    if (!shaped)
        refuse(h, 400, "bad_request", "request line: it must end with HTTP/1.1");
    else if (v[5] != '1')
        refuse(h, 505, "version_not_supported", "request line: this server speaks HTTP/1.1");
    else if (h->method_unknown)
        refuse(h, 501, "method_unknown",
               "request line: GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS are known");
    else
        begin_word(h, LINE_END);
}

static void on_version(struct sup_head *h, unsigned char c)
{
    if (c == '\r')
        end_version(h);
    else if (c <= 0x20 || c >= 0x7f || h->word_len >= SUP_HEAD_WORD)
        refuse(h, 400, "bad_request", "request line: it must end with HTTP/1.1, CR and LF");
    else
        add_to_word(h, (char)c);
}

static void end_name(struct sup_head *h)
{
    if (h->word_len == 0)
        refuse(h, 400, "bad_request", "header line %zu: a name must stand before the colon",
               h->lines);
    else if (strcasecmp(h->word, "host") == 0 && ++h->hosts > 1)
        refuse(h, 400, "bad_request", "header line %zu: a second Host", h->lines);
    if (h->state == SUP_HEAD_MORE)
        begin_word(h, VALUE);
}

static void on_name(struct sup_head *h, unsigned char c)
{
    if (h->word_len == 0 && c == '\r') {
        h->step = LAST_LF;
        return;
    }
    if (h->word_len == 0 && ++h->lines > SUP_HEAD_LINES)
        refuse(h, 431, "head_too_large", "at most %d header lines", SUP_HEAD_LINES);
    else if (c == ':')
        end_name(h);
    else if (h->word_len == 0 && (c == ' ' || c == '\t'))
        refuse(h, 400, "bad_request", "header line %zu: folded lines are not read", h->lines);
    else if (!is_token_char(c))
        refuse(h, 400, "bad_request", "header line %zu: a name, then a colon, without a space",
               h->lines);
    else
        add_to_word(h, (char)c);
}

static void on_value(struct sup_head *h, unsigned char c)
{
    if (c == '\r')
        h->step = LINE_END;
    else if ((c < 0x20 && c != '\t') || c == 0x7f)
        refuse(h, 400, "bad_request",
               "header line %zu: a value has no control characters and ends with CR and LF",
               h->lines);
}

static void on_byte(struct sup_head *h, unsigned char c)
{
    switch ((enum step)h->step) {
    case BLANK_LF:
        on_blank(h, c == '\n' ? c : 0);
        return;
    case METHOD:
        on_method(h, c);
        return;
    case SCHEME:
        on_scheme(h, c);
        return;
    case AUTHORITY:
        on_authority(h, c);
        return;
    case TARGET:
        on_target(h, c);
        return;
    case VERSION:
        on_version(h, c);
        return;
    case NAME:
        on_name(h, c);
        return;
    case VALUE:
        on_value(h, c);
        return;
    case LINE_END:
    case LAST_LF:
        if (c != '\n')
            refuse(h, 400, "bad_request", "line %zu: LF must follow CR", h->lines + 1);
        else if (h->step == LAST_LF)
            h->state = SUP_HEAD_DONE;
        else
            begin_word(h, NAME);
        return;
    }
}

enum sup_head_state sup_head_feed(struct sup_head *head, const char *data, size_t len)
{
    for (size_t i = 0; i < len && head->state == SUP_HEAD_MORE; i++) {
        if (++head->bytes + 8 * head->lines > SUP_HEAD_MAX && head->lines == 0)
            refuse(head, 414, "uri_too_long",
                   "the request line is longer than a whole head may be");
        else if (head->bytes + 8 * head->lines > SUP_HEAD_MAX)
            refuse(head, 431, "head_too_large", "header line %zu: a head may have %d bytes",
                   head->lines, SUP_HEAD_MAX);
        else
            on_byte(head, (unsigned char)data[i]);
    }
    return head->state;
}

/* Up to the first byte of end, which is taken too. */
static struct sup_head_text take_until(struct sup_head_text *head, char end)
{
    const char *found = head->len > 0 ? memchr(head->p, end, head->len) : NULL;
    struct sup_head_text part = {head->p, found ? (size_t)(found - head->p) : head->len};
    size_t taken = found ? part.len + 1 : part.len;
    *head = (struct sup_head_text){head->p + taken, head->len - taken};
    return part;
}

static struct sup_head_text trimmed(struct sup_head_text text)
{
    while (text.len > 0 && (*text.p == ' ' || *text.p == '\t'))
        text = (struct sup_head_text){text.p + 1, text.len - 1};
    while (text.len > 0 && strchr(" \t\r", text.p[text.len - 1]))
        text.len--;
    return text;
}

struct sup_head_line sup_head_take_line(struct sup_head_text *head)
{
    struct sup_head_text line = take_until(head, '\n');
    struct sup_head_line words = {.method = take_until(&line, ' ')};
    words.target = take_until(&line, ' ');
    words.version = trimmed(line);
    return words;
}

bool sup_head_take_field(struct sup_head_text *head, struct sup_head_text *ret_name,
                         struct sup_head_text *ret_value)
{
    struct sup_head_text line = take_until(head, '\n');
    if (line.len <= 1)
        return false;
    *ret_name = take_until(&line, ':');
    *ret_value = trimmed(line);
    return true;
}
