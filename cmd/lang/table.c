#include <string.h>

#include "base/names.h"
#include "lang/table.h"

#define COMMAND(id) extern const struct command cmd_##id;
#include "lang/commands.def"
#undef COMMAND

const struct command *const commands[] = {
#define COMMAND(id) &cmd_##id,
#include "lang/commands.def"
#undef COMMAND
};
const size_t command_count = sizeof commands / sizeof *commands;

static const struct {
    const char *alias, *name;
} aliases[] = { { "?", "help" }, { "bye", "quit" }, { "exit", "quit" } };

const struct command *command_find(const char *name, size_t n) {
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
        if (strlen(aliases[i].alias) == n && memcmp(aliases[i].alias, name, n) == 0)
            return command_find(aliases[i].name, strlen(aliases[i].name));
    if (memchr(name, '\0', n) != NULL) /* strncmp below would stop there */
        return NULL;
    size_t low = 0, high = command_count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        int order = strncmp(commands[mid]->name, name, n);
        if (order == 0 && commands[mid]->name[n] == '\0')
            return commands[mid];
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

const char *command_nearest(const char *name) {
    const char *names[256];
    size_t count = 0;
    while (count < command_count && count < sizeof names / sizeof *names) {
        names[count] = commands[count]->name;
        count++;
    }
    return sk_nearest(name, names, count);
}
