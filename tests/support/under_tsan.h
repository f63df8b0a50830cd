/* librdkafka's threads (C11 thrd_create) are unknown to ThreadSanitizer, and its first allocation on one of them crashes: tests that start such a thread
 * ask for this, and skip. */
#ifndef HL_TEST_UNDER_TSAN_H
#define HL_TEST_UNDER_TSAN_H

#if defined(__SANITIZE_THREAD__)
#define UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN 1
#endif
#endif
#ifndef UNDER_TSAN
#define UNDER_TSAN 0
#endif

#endif
