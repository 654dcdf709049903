/* Configuration from a file and from variables. Input: the file's text, then after each byte 0xff a
 * variable "SUPPORTD_...=value". */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "supportd/base/mem.h"
#include "supportd/config/config.h"

enum { VARIABLES_MAX = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libconfig 1.5 loses the text of a string that the input leaves open. */
const char *__lsan_default_suppressions(void)
{
    return "leak:libconfig.so";
}

static void load(const char *path, const char *const *environment)
{
    struct sup_config_opts opts = {.path = path, .environment = environment};
    struct sup_config *config = NULL;
    struct sup_buf problems;
    sup_buf_init(&problems, 16384);
    sup_err err = sup_config_load(&opts, &problems, &config);
    assert((err == SUP_OK) == (config != NULL));
    assert(err == SUP_OK || (err == SUP_E_INVAL && problems.len > 0));
    if (config)
        assert(sup_config_diff(config, config, NULL, NULL) == 0);
    sup_config_destroy(config);
    sup_buf_fini(&problems);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *environment[VARIABLES_MAX + 1] = {NULL};
    char path[32];
    size_t count = 0;
    char *text = calloc(1, size + 1);
    if (!text || size > 65536) {
        free(text);
        return 0;
    }
    memcpy(text, data, size);
    for (size_t i = 0; i < size; i++) {
        if (data[i] != 0xff)
            continue;
        text[i] = '\0';
        if (count < VARIABLES_MAX)
            environment[count++] = text + i + 1;
    }
    /* Files outside of the input are not part of the game. */
    int fd = strstr(text, "@include") ? -1 : memfd_create("config", 0);
    if (fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text)) {
        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        load(path, environment);
        assert(sup_mem_live() == 0);
    }
    if (fd >= 0)
        close(fd);
    free(text);
    return 0;
}
