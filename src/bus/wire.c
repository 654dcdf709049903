#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bus_internal.h"

static const char TOPIC_CHARS[] = "abcdefghijklmnopqrstuvwxyz0123456789_.";

bool bus_topic_valid(const char *topic)
{
    size_t len = strlen(topic);
    return len > 0 && len <= SUP_BUS_TOPIC_MAX && strspn(topic, TOPIC_CHARS) == len;
}

bool bus_ref_valid(const char *ref)
{
    size_t len = strlen(ref);
    if (len > SUP_BUS_REF_MAX)
        return false;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)ref[i] < ' ')
            return false;
    return true;
}

sup_err bus_wire_header(struct sup_buf *buf, struct sup_id process, int64_t batch)
{
    return sup_buf_addf(buf, "%s %" PRId64 "\n", sup_id_text(process).s, batch);
}

sup_err bus_wire_event(struct sup_buf *buf, const char *topic, struct sup_id id, int64_t rev,
                       const char *ref)
{
    return sup_buf_addf(buf, "%s %s %" PRId64 " %s\n", topic, sup_id_text(id).s, rev, ref);
}

static sup_err read_id(const char **pos, struct sup_id *ret_id)
{
    if (strlen(*pos) <= SUP_ID_TEXT_LEN || (*pos)[SUP_ID_TEXT_LEN] != ' ' ||
        sup_id_parse(*pos, SUP_ID_TEXT_LEN, ret_id))
        return SUP_E_MALFORMED;
    *pos += SUP_ID_TEXT_LEN + 1;
    return SUP_OK;
}

static sup_err read_number(const char **pos, char after, int64_t *ret_number)
{
    size_t digits = strspn(*pos + (**pos == '-'), "0123456789");
    char *end;
    if (digits == 0 || digits > 18)
        return SUP_E_MALFORMED;
    *ret_number = strtoll(*pos, &end, 10);
    if (*end != after)
        return SUP_E_MALFORMED;
    *pos = end + 1;
    return SUP_OK;
}

sup_err bus_wire_read_header(const char **pos, struct sup_id *ret_process, int64_t *ret_batch)
{
    sup_err err = read_id(pos, ret_process);
    return err ? err : read_number(pos, '\n', ret_batch);
}

sup_err bus_wire_read_event(const char **pos, struct bus_wire_event *ret_event)
{
    size_t topic = strspn(*pos, TOPIC_CHARS);
    if (topic == 0 || topic > SUP_BUS_TOPIC_MAX || (*pos)[topic] != ' ')
        return SUP_E_MALFORMED;
    memcpy(ret_event->topic, *pos, topic);
    ret_event->topic[topic] = '\0';
    *pos += topic + 1;
    sup_err err = read_id(pos, &ret_event->id);
    if (!err)
        err = read_number(pos, ' ', &ret_event->rev);
    if (err)
        return err;
    size_t ref = strcspn(*pos, "\n");
    if (ref > SUP_BUS_REF_MAX || (*pos)[ref] != '\n')
        return SUP_E_MALFORMED;
    memcpy(ret_event->ref, *pos, ref);
    ret_event->ref[ref] = '\0';
    *pos += ref + 1;
    return SUP_OK;
}
