/* cmd_version.c: `clrnn version`: the version and what is built in. */
#include "cli/commands.h"
#include "cli/report.h"

#include <stdio.h>
#include <string.h>

/* "key: value" lines as members. */
static void add_lines(json_t *object, const char *text) {
    while (text[0] != 0) {
        char key[64];
        char value[512];
        size_t length = strcspn(text, "\n");
        const char *colon = memchr(text, ':', length);
        if (colon != NULL) {
            const char *start = colon + 1 + strspn(colon + 1, " ");
            (void)snprintf(key, sizeof key, "%.*s", (int)(colon - text), text);
            (void)snprintf(value, sizeof value, "%.*s", (int)(text + length - start), start);
            (void)json_object_set_new(object, key, report_json_text(value));
        }
        text += length;
        text += text[0] == '\n';
    }
}

int cmd_version(const options *opts) {
    const char *info = clrnn_build_info();
    if (opts->given[OPTION_JSON]) {
        json_t *object = json_pack("{s:s}", "version", clrnn_version());
        add_lines(object, info);
        return report_json(object);
    }
    size_t length = strlen(info);
    int is_ended = length == 0 || info[length - 1] == '\n';
    (void)printf("clrnn %s\n%s%s", clrnn_version(), info, is_ended ? "" : "\n");
    return REPORT_FINE;
}
