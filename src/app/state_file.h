/* Private: what the header of a file of contact states says, beyond Avro. */
#ifndef HL_APP_STATE_FILE_H
#define HL_APP_STATE_FILE_H

#define HL_STATE_FILE_VERSION "hotlead.version"
#define HL_STATE_FILE_FROM "hotlead.from" /* the state topic's name, or redis */
#define HL_STATE_FILE_GROUP "hotlead.group"
#define HL_STATE_FILE_MODEL "hotlead.model"
#define HL_STATE_FILE_MODEL_VERSION "hotlead.model_version"
#define HL_STATE_FILE_TIME "hotlead.exported_at"     /* RFC 3339 */
#define HL_STATE_FILE_CLUSTER "hotlead.cluster"      /* Kafka's id of it; empty: not known */
#define HL_STATE_FILE_PARTITIONS "hotlead.partitions" /* of the inputs; 0: not known */
/* Where the group stood when the reading began, a line for each: "TOPIC PARTITION OFFSET LOW_WATER"; empty: not known. */
#define HL_STATE_FILE_OFFSETS "hotlead.offsets"
#define HL_STATE_FILE_MERGES "hotlead.merges" /* which of these topics was the group's own */

#endif
