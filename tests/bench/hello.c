/* The least a dynamically linked program can do: the limit for start-up. */
#include <unistd.h>

int main(void) { return write(STDOUT_FILENO, "hello\n", 6) != 6; }
