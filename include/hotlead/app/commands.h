/* The commands. Each takes its own argc and argv (argv[0] is the name of the command) and returns the exit code of the process
 * (sysexits.h; 0 for --help). Output goes to stdout, problems to stderr. */
#ifndef HOTLEAD_APP_COMMANDS_H
#define HOTLEAD_APP_COMMANDS_H

/* name, summary; the order is that of `hotlead help` */
#define HL_COMMANDS(X)                                                                                                                     \
    X(run, "the service: read events from Kafka, keep scores, write transitions")                                                         \
    X(demo, "a made-up day on an in-process broker and a local redis-server")                                                             \
    X(check, "validate the configuration and the scoring model")                                                                          \
    X(describe, "a scoring model in plain words, with a flow chart")                                                                      \
    X(simulate, "what a model would make of events that lie in files, or one model against another")                                      \
    X(calibrate, "draft a model from what contacts did before they bought")                                                                \
    X(explain, "why a contact has its score and its stage, to the last point")                                                           \
    X(show, "everything that is kept of one contact, from a running process or from Redis")                                                \
    X(rank, "the hottest contacts first, from the warm copy in Redis")                                                                    \
    X(report, "conversion and time from stage to stage, with the bottleneck named, by model version and source")                           \
    X(purge, "erase contacts that were disqualified long ago")                                                                             \
    X(export, "the state of every contact into an Avro file")                                                                              \
    X(import, "a file of states into a group that has none yet")                                                                           \
    X(rebuild, "make the state of all contacts anew from the kept input")                                                                  \
    X(topics, "compare the topics with what hotlead needs of them; create and alter them")                                               \
    X(version, "versions of the program and its libraries")

#define X(name, summary) int hl_cmd_##name(int argc, char **argv);
HL_COMMANDS(X)
#undef X

#endif
