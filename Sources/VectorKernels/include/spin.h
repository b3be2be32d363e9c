/* Waiting without giving up the processor, for pauses shorter than waking a thread takes. */
#ifndef SPIN_H
#define SPIN_H

/* Tells the processor that the thread does nothing but wait for another one's store. */
static inline void spin_pause(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

#endif
