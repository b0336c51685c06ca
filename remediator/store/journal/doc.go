// Package journal is the embedded store: one file, of a size that never
// changes, in which a single program keeps its requests, its cases and its
// control.
//
// # What it promises
//
// What was acknowledged is there after a crash, a kill or a loss of power: the
// record was written and fdatasync had returned. A call is there whole or not
// at all. A call that ended with an error, or whose context ended while it
// waited, may or may not be there.
//
// A full disk changes nothing. The file is written out before it is used, and
// from then on only overwritten in place, so that no write needs a new block or
// a new inode. A filesystem that writes everything to a new place cannot give
// that promise and is refused, see [OpenWithFallback].
//
// A file that cannot be wholly understood is set aside under another name and
// never written to. What can still be read of it is carried over.
//
// # The file
//
// Numbers are little-endian. A block has 4096 bytes, and everything begins at
// one: no write ever touches a block, and so a sector, that holds something
// acknowledged.
//
//	block 0            header, written once per version
//	region A           (size − 1 block) ÷ 2, in whole blocks
//	region B           the same
//
// The header:
//
//	 0  16  "headroom journal"
//	16   4  version of the format: 2
//	24   8  size of the file
//	32   8  when it was made, in nanoseconds of Unix time
//	60   4  CRC-32C of the 60 bytes before
//
// A file of version 1, which had no control and whose cases said less, is read as
// one of version 2 and becomes one when it is opened: its header is written
// anew, before anything else. So a release that knows only version 1 sets the
// file aside and says so, where it would else drop what it does not know.
//
// A later version may change everything but the first 20 bytes and the checksum
// at 60, which are how this version recognizes it.
//
// A record is a header, a payload, and padding to the end of its block:
//
//	 0   4  F7 'H' 'J' 01: not UTF-8, so no payload can contain it
//	 4   4  kind: 1 entries, 2 continued
//	 8   8  generation
//	16   8  sequence within the generation
//	24   4  snapshot: how many records open this generation
//	28   4  length of the payload
//	60   4  CRC-32C of the 60 bytes before and of the payload
//	64      payload: a JSON array of {"request":{…}}, {"case":{…}}, {"control":{…}}
//
// # How it is written
//
// A generation lives in one region. It opens with a snapshot, which is
// everything that is known, in one or more records; it counts once all of them
// are there. Every further record is one batch: all calls that waited while the
// batch before was being synced. Since a batch is one record under one
// checksum, and the next begins only after the sync, a bad record that is
// followed by a good one of its generation was damaged and not torn.
//
// When a region is full, the next generation begins in the other one: its
// snapshot is written and synced, and only then is anything appended to it. With
// the first batch there, the last block of the old region is made to say
// "continued" (its sequence is the new generation), so that a later loss of the
// whole new region is noticed, and not taken for a snapshot that was never
// finished.
//
// Every attempt at a generation has a number of its own, higher than any in the
// file, so that remains of an earlier attempt are never taken for parts of it.
// Opening a journal begins a generation, and so does the first write after a
// failed one: nothing is ever appended behind something of which it is unclear
// whether it is on the disk.
//
// # What it cannot tell
//
// Damage that reaches exactly to the end of what was written looks like a write
// that power loss cut short: what it hit is dropped in silence. A disk that
// lies about having synced is believed. Blocks that are shared after the journal
// was opened, by a snapshot of the volume or a reflinked copy, need space when
// they are overwritten, and so do those of a thin pool; if there is none, writes
// fail and say so. Whether an overlay's upper layer overwrites in place cannot be
// seen; it is taken to.
package journal
