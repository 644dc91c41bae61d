/*
 * The decision that the kernel makes, outside of it: reads questions, answers each with a reason and a zone.
 *
 * A question, in numbers: the operation, the time, the zones that are es-guard's own, how many layers there are and the
 * zones of each, how many zones there are and for each its four ends; then two names, each: what is there, whether it is own, how many steps there are from it to the
 * root, and how many of them lie below the root of its mount, 0 for all. A step: what the table says of what is there,
 * what it says of the name, and the zones from which the name is exempt; a root, of the mount or of all, has no name.
 * What a table says: 0, or 1 and its eight numbers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../../endpoint-sec-sys/bpf/judge.h"

static es_u64 number(void)
{
	es_u64 read;

	if (scanf("%llu", &read) != 1)
		exit(2);
	return read;
}

static const struct es_entry *entry(struct es_entry *at)
{
	if (!number())
		return NULL;
	memset(at, 0, sizeof(*at));
	at->zones = number();
	at->carried = number();
	at->exempts = number();
	at->opens = number();
	for (int op = 0; op < ES_OPS; op++)
		at->until[op] = number();
	return at;
}

static void name(struct es_place *place, es_u32 op, es_u64 now)
{
	struct es_entry here, named;
	struct es_walk walk;
	es_u64 steps, mount;

	memset(place, 0, sizeof(*place));
	place->kind = number();
	place->own = number();
	steps = number();
	mount = number();
	es_begin(&walk, op, now);
	for (es_u64 step = 0; step < steps; step++) {
		const struct es_entry *said;

		es_here(&walk, entry(&here), !step);
		if (step + 1 == steps)
			break;
		if (step + 1 == mount) {
			es_hop(&walk);
			continue;
		}
		said = entry(&named);
		es_named(&walk, said, number(), !step);
	}
	es_end(&walk, place);
}

int main(void)
{
	static struct es_table table;
	struct es_place from, to;
	es_u64 op;

	while (scanf("%llu", &op) == 1) {
		es_u64 now = number(), layers, zones;
		struct es_layer said;

		memset(&table, 0, sizeof(table));
		table.sealed = number();
		layers = number();
		for (es_u64 layer = 0; layer < layers && layer < ES_LAYERS; layer++)
			table.layers[layer] = number();
		zones = number();
		for (es_u64 zone = 0; zone < zones && zone < ES_ZONES; zone++)
			for (int each = 0; each < ES_OPS; each++)
				table.freed[zone].until[each] = number();
		name(&from, op, now);
		name(&to, op, now);
		es_lie(&from, &to, op);
		int layer = 0;

		do {
			es_judge_in(&said, table.layers[layer], &table, &from, &to, op, now);
		} while (said.reason == ES_ALLOWED && ++layer < ES_LAYERS && table.layers[layer]);
		printf("%u %d\n", said.reason, (int)said.zone);
	}
	return 0;
}
