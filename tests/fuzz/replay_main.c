/* Runs a fuzz target over files without a fuzzer: every file given, and every file of every folder given (not below). Prints how many
 * there were; fails when one cannot be read or when there was none. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned long ran, failed;

static void run_file(const char *path, size_t size)
{
    FILE *in = fopen(path, "rb");
    uint8_t *data = malloc(size ? size : 1); /* of the exact size, so that a sanitizer sees a read too far */
    if (in && data && fread(data, 1, size, in) == size) {
        LLVMFuzzerTestOneInput(data, size);
        ran++;
    } else {
        perror(path);
        failed++;
    }
    free(data);
    if (in) fclose(in);
}

static void run_folder(const char *path)
{
    struct dirent **names;
    int n = scandir(path, &names, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        char file[4096];
        struct stat st;
        snprintf(file, sizeof file, "%s/%s", path, names[i]->d_name);
        if (stat(file, &st) == 0 && S_ISREG(st.st_mode)) run_file(file, (size_t)st.st_size);
        free(names[i]);
    }
    if (n >= 0) free(names);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct stat st;
        if (stat(argv[i], &st) != 0) {
            perror(argv[i]);
            failed++;
        } else if (S_ISDIR(st.st_mode)) {
            run_folder(argv[i]);
        } else {
            run_file(argv[i], (size_t)st.st_size);
        }
    }
    printf("%lu inputs\n", ran);
    return failed > 0 || ran == 0;
}
