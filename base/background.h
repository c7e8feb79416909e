/* background: threads whose work can wait. */
#ifndef SEISMESH_BASE_BACKGROUND_H
#define SEISMESH_BASE_BACKGROUND_H

/* Lets the calling thread stand back behind those that acknowledge, fold and answer, where cores are short: the
 * scheduler gives it about a tenth of their share (nice 10). With cores to spare it changes nothing. */
void background_thread(void);

#endif
