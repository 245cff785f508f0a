#include "base/module.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include <build_id.h>

const char sk_build_id[] = SK_BUILD_ID;

static const char *modules = "";

void sk_module_directory(const char *directory) { modules = directory; }

const void *sk_module_open(const char *name, struct sk_err *err) {
    char path[512], symbol[64];
    int n = snprintf(path, sizeof path, "%s/%s.so", modules, name);
    if (modules[0] != '/' || n < 0 || (size_t)n >= sizeof path) {
        sk_fail(err, SK_INTERNAL, 0, "dlopen", "the module %s has no place", name);
        return NULL;
    }
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        sk_fail(err, SK_INTERNAL, 0, "dlopen", "cannot open a part of sockctl: %s", dlerror());
        return NULL;
    }
    snprintf(symbol, sizeof symbol, "sk_%s_build", name);
    const char *build = dlsym(handle, symbol);
    if (!build || strcmp(build, sk_build_id) != 0) {
        sk_fail(err, SK_INTERNAL, 0, "dlopen", "%s belongs to another build of sockctl; install both together", path);
        return NULL;
    }
    snprintf(symbol, sizeof symbol, "sk_%s_module", name);
    const void *entry = dlsym(handle, symbol);
    if (!entry)
        sk_fail(err, SK_INTERNAL, 0, "dlsym", "%s is no module of sockctl", path);
    return entry;
}
