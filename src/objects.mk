# The objects of the library, floor by floor (see src/README.md).
OBJS = $(patsubst %.c,%.o,$(sort $(filter-out src/http/%, $(wildcard src/*.c src/*/*.c))))

# src/http is a library of its own, so that libcurl is loaded by the one process that uses it.
HTTP_OBJS = $(patsubst %.c,%.o,$(sort $(wildcard src/http/*.c)))
