/* What the compilers differ in. */
#ifndef SS_BASE_COMPILER_H
#define SS_BASE_COMPILER_H

/* On a function with a hot loop: in a portable build for x86-64 the compiler makes one version an instruction set and
 * the loader picks at start. Put it on the function that holds the loop itself, called from inside an OpenMP region:
 * what OpenMP outlines is not cloned. */
#if defined(SS_PORTABLE) && defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__)
/* By feature levels, not by names of processors: those do not match on virtual machines. */
#if __GNUC__ >= 12
#define SS_MULTIVERSION __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define SS_MULTIVERSION __attribute__((target_clones("default", "avx2", "avx512f")))
#endif
#else
#define SS_MULTIVERSION
#endif

#endif
