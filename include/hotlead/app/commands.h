/* The commands. Each takes its own argc and argv (argv[0] is the name of the command) and returns the exit code of the process
 * (sysexits.h; 0 for --help). Output goes to stdout, problems to stderr. */
#ifndef HOTLEAD_APP_COMMANDS_H
#define HOTLEAD_APP_COMMANDS_H

int hl_cmd_check(int argc, char **argv);

#endif
