/* What the compilers differ in. */
#ifndef SS_BASE_COMPILER_H
#define SS_BASE_COMPILER_H

/* On a function with a hot loop: in a portable build for x86-64 the compiler makes one version an instruction set and
 * the loader picks at start. Put it on the function that holds the loop itself, called from inside an OpenMP region:
 * what OpenMP outlines is not cloned. */
#if defined(SS_PORTABLE) && defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__)
#define SS_MULTIVERSION __attribute__((target_clones("default", "arch=haswell", "arch=skylake-avx512")))
#else
#define SS_MULTIVERSION
#endif

#endif
