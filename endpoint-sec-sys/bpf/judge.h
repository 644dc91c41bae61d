/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The decision. Pure: what the table says of a name's directories goes in, one by one, from the name upwards; a
 * verdict comes out. It knows neither maps nor the kernel, and is compiled by any C compiler.
 *
 *     es_begin; es_here and es_named for the name, for its directory, …; es_here for the root; es_end
 *                                                                      … for each path that a name has
 *     es_hop                                                           … where one goes on above a mount
 *     es_lie                                                           of two names
 *     es_judge_in                                                      of one name or two, for each layer
 *
 * It decides what `judge` in helper-daemon decides, for zones whose removals are denied; a property test holds both
 * to it.
 */
#ifndef ES_JUDGE_H
#define ES_JUDGE_H

#include "layout.h"

#define ES_INLINE static inline __attribute__((always_inline))

/** What is decided. */
struct es_verdict {
	/** enum es_reason. */
	es_u32 reason;
	/** Number of the zone that would be harmed, or ES_NO_ZONE. */
	es_u32 zone;
};

ES_INLINE void es_begin(struct es_walk *walk, es_u32 op, es_u64 now)
{
	walk->now = now;
	walk->op = op;
	walk->hopped = 0;
	walk->guarding = 0;
	walk->lies = 0;
	walk->within = 0;
	for (int each = 0; each < ES_OPS; each++)
		walk->opened[each] = 0;
	walk->exempted = 0;
	walk->exempting = 0;
	walk->carried = 0;
}

/** 1 where a is less than b, else 0, without a branch: the kernel's verifier looks at both ways of each. */
ES_INLINE es_u64 es_less(es_u64 a, es_u64 b)
{
	return ((~a & b) | ((~a | b) & (a - b))) >> 63;
}

/** What an entry says of its place, seen from what is there or below. */
ES_INLINE void es_met(struct es_walk *walk, const struct es_entry *entry)
{
	walk->within |= entry->zones;
	walk->guarding |= entry->zones & ~walk->exempted;
	for (int each = 0; each < ES_OPS; each++)
		walk->opened[each] |= entry->opens & -es_less(walk->now, entry->until[each]);
}

/** What the table says of the directory that a name stands for, or null. `first`: the walk begins here. */
ES_INLINE void es_here(struct es_walk *walk, const struct es_entry *here, int first)
{
	if (!here)
		return;
	es_met(walk, here);
	walk->exempting |= here->exempts;
	if (first)
		walk->carried |= here->carried;
}

/**
 * What the table says of a name in its directory, or null, once all is told that the name stands for. `exempt` are
 * the zones from which the name itself is exempt. Whatever is exempt is so from the zones above it.
 */
ES_INLINE void es_named(struct es_walk *walk, const struct es_entry *named, es_u64 exempt, int first)
{
	es_here(walk, named, first);
	walk->exempted |= walk->exempting | exempt;
	walk->exempting = 0;
}

/** The path goes on above a mount: what was met by now is where the name lies, the rest is where it is seen. */
ES_INLINE void es_hop(struct es_walk *walk)
{
	if (!walk->hopped)
		walk->lies = walk->guarding;
	walk->hopped = 1;
}

/** The end of one path of a name: it is guarded where any of its paths is. */
ES_INLINE void es_end(const struct es_walk *walk, struct es_place *place)
{
	place->lies |= walk->hopped ? walk->lies : walk->guarding;
	place->guarding |= walk->guarding & (walk->op < ES_OPS ? ~walk->opened[walk->op & (ES_OPS - 1)] : ~0ULL);
	for (int each = 0; each < ES_OPS; each++)
		place->from[each] |= walk->guarding & ~walk->opened[each];
	place->within |= walk->within;
	place->carried |= walk->carried;
}

/** The number of the first zone of a set that is not empty. */
ES_INLINE es_u32 es_first(es_u64 zones)
{
	es_u64 low = zones & -zones;
	es_u32 number = 0;

	number |= (low & 0xffffffff00000000ULL ? 32 : 0);
	number |= (low & 0xffff0000ffff0000ULL ? 16 : 0);
	number |= (low & 0xff00ff00ff00ff00ULL ? 8 : 0);
	number |= (low & 0xf0f0f0f0f0f0f0f0ULL ? 4 : 0);
	number |= (low & 0xccccccccccccccccULL ? 2 : 0);
	number |= (low & 0xaaaaaaaaaaaaaaaaULL ? 1 : 0);
	return number;
}

ES_INLINE es_u64 es_protected(const struct es_place *place)
{
	return place->kind == ES_NOTHING || place->own ? 0 : place->guarding;
}

/** Of the zones that would go with a name, those that no override of theirs lets go. */
ES_INLINE es_u64 es_kept(const struct es_table *table, es_u64 carried, es_u32 op, es_u64 now)
{
	es_u64 kept = carried;

	if (!carried)
		return 0;
	for (es_u32 zone = 0; zone < ES_ZONES; zone++)
		kept &= ~(es_less(now, table->freed[zone].until[op & (ES_OPS - 1)]) << zone);
	return kept;
}

ES_INLINE void es_only(struct es_place *place, es_u64 zones)
{
	place->guarding &= zones;
	for (int each = 0; each < ES_OPS; each++)
		place->from[each] &= zones;
}

/**
 * What lies in a zone, and is not only seen in one, is to lie in one afterwards: the other name's place is where it
 * lies, as what a mount shows of it in a zone is gone with the mount.
 */
ES_INLINE void es_lie(struct es_place *from, struct es_place *to, es_u32 op)
{
	es_u64 here = from->guarding & from->lies, there = to->guarding & to->lies;

	if (here)
		es_only(to, to->lies);
	if (there && op == ES_EXCHANGE)
		es_only(from, from->lies);
}

ES_INLINE struct es_verdict es_deny(es_u32 reason, es_u64 zones)
{
	struct es_verdict verdict = { reason, zones ? es_first(zones) : ES_NO_ZONE };

	return verdict;
}

/** Out of protection: protected here, and there not guarded from something that it is guarded from here. */
ES_INLINE es_u64 es_moved_out(const struct es_place *from, const struct es_place *to)
{
	int less = 0;

	for (int each = 0; each < ES_OPS; each++)
		/* What is no directory nobody removes as one. */
		if (each != ES_RMDIR || from->kind == ES_DIRECTORY)
			less |= from->from[each] && !to->from[each];
	return less ? es_protected(from) : 0;
}

/** One regular file is the session's own, in a protected place, and takes the place of another, which takes its. */
ES_INLINE int es_edit_by_swap(const struct es_place *new, const struct es_place *old)
{
	return new->kind == ES_REGULAR && old->kind == ES_REGULAR && new->own && new->guarding && es_protected(old);
}

/** A new file in the place of an old one is an edit: it is how programs save. */
ES_INLINE int es_edit(const struct es_place *new, const struct es_place *old)
{
	return new->kind == ES_REGULAR && old->kind == ES_REGULAR && (new->own || !new->guarding);
}

ES_INLINE struct es_verdict es_judge_rename(const struct es_table *table, const struct es_place *from,
					    const struct es_place *to, es_u64 now)
{
	es_u64 lost = es_kept(table, from->carried, ES_RENAME, now);

	if (lost)
		return es_deny(ES_ZONE_MOVED, lost);
	/* Also where a zone of the person's is around it, in which it would stay. */
	lost = from->kind == ES_NOTHING ? 0 : from->within & table->sealed;
	if (lost)
		return es_deny(ES_SEALED, lost);
	lost = es_moved_out(from, to);
	if (lost)
		return es_deny(ES_MOVED_OUT, lost);
	lost = to->within & table->sealed;
	if (lost)
		return es_deny(ES_SEALED, lost);
	lost = es_protected(to);
	if (lost && !es_edit(from, to))
		return es_deny(ES_CLOBBERED, lost);
	return es_deny(ES_ALLOWED, 0);
}

ES_INLINE struct es_verdict es_judge_exchange(const struct es_table *table, const struct es_place *first,
					      const struct es_place *second, es_u64 now)
{
	es_u64 lost = es_kept(table, first->carried, ES_EXCHANGE, now);

	if (!lost)
		lost = es_kept(table, second->carried, ES_EXCHANGE, now);
	if (lost)
		return es_deny(ES_ZONE_MOVED, lost);
	lost = first->within & table->sealed;
	if (!lost)
		lost = second->within & table->sealed;
	if (lost)
		return es_deny(ES_SEALED, lost);
	if (es_edit_by_swap(first, second) || es_edit_by_swap(second, first))
		return es_deny(ES_ALLOWED, 0);
	lost = es_moved_out(first, second);
	if (!lost)
		lost = es_moved_out(second, first);
	return es_deny(lost ? ES_MOVED_OUT : ES_ALLOWED, lost);
}

/** Of what is done to one name. */
ES_INLINE struct es_verdict es_judge_one(const struct es_table *table, const struct es_place *place, es_u32 op,
					 es_u64 now)
{
	es_u64 lost = 0;

	switch (op) {
	case ES_RMDIR:
		lost = es_kept(table, place->carried, op, now);
		if (lost)
			return es_deny(ES_ZONE_MOVED, lost);
		/* fallthrough */
	case ES_UNLINK:
		lost = es_protected(place);
		return es_deny(lost ? ES_REMOVED : ES_ALLOWED, lost);
	case ES_WRITE:
	case ES_COVER:
		lost = place->within & table->sealed;
		/* Mounted over, a place is hidden with all below it. */
		if (!lost && op == ES_COVER)
			lost = place->carried & table->sealed;
	}
	return es_deny(lost ? ES_SEALED : ES_ALLOWED, lost);
}

/** What is refused for the sake of what es-guard keeps is called so, also where a zone of the person's is around it. */
ES_INLINE struct es_verdict es_called(const struct es_table *table, const struct es_place *from,
				      const struct es_place *to, struct es_verdict verdict)
{
	es_u64 kept = from->within & table->sealed;

	if (!kept)
		kept = to->within & table->sealed;
	if (kept)
		return es_deny(ES_SEALED, kept);
	if (verdict.zone < ES_ZONES && table->sealed >> verdict.zone & 1)
		verdict.reason = ES_SEALED;
	return verdict;
}

/**
 * The verdict. `from` is the one name, or the first of two; `to` is the second, or the first again. `now` is
 * CLOCK_BOOTTIME in nanoseconds, the walks' too.
 */
ES_INLINE struct es_verdict es_judge(const struct es_table *table, const struct es_place *from,
				     const struct es_place *to, es_u32 op, es_u64 now)
{
	struct es_verdict verdict;

	if (op == ES_RENAME)
		verdict = es_judge_rename(table, from, to, now);
	else if (op == ES_EXCHANGE)
		verdict = es_judge_exchange(table, from, to, now);
	else
		verdict = es_judge_one(table, from, op, now);
	if (verdict.reason != ES_ALLOWED)
		verdict = es_called(table, from, to, verdict);
	else if (from->unclear || to->unclear)
		verdict = es_deny(ES_UNCLEAR, 0);
	return verdict;
}

ES_INLINE void es_seen_by(struct es_place *layer, const struct es_place *place, es_u64 zones)
{
	*layer = *place;
	es_only(layer, zones);
	layer->within &= zones;
	layer->carried &= zones;
}

/**
 * What one layer says, whose zones these are; the places are told as es_judge has them. The layers are asked one after
 * the other, the session's own first, until one denies.
 */
ES_INLINE void es_judge_in(struct es_layer *layer, es_u64 zones, const struct es_table *table,
			   const struct es_place *from, const struct es_place *to, es_u32 op, es_u64 now)
{
	struct es_verdict verdict;

	es_seen_by(&layer->from, from, zones);
	es_seen_by(&layer->to, to, zones);
	verdict = es_judge(table, &layer->from, &layer->to, op, now);
	layer->reason = verdict.reason;
	layer->zone = verdict.zone;
}

#endif
