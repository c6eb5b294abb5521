/**
 * Owns roster order: teams sorted by name in code units, each in the order of its array, newcomers at the end of theirs.
 * Wherever order matters it is this one, never that of object keys (C22).
 */

/** One team and its members. */
export interface Team<Member> {
  readonly name: string;
  readonly members: Member[];
}

/** Teams in roster order. */
export type Teams<Member> = Team<Member>[];

/** Puts a member at the end of its team; a team that is new takes its place among the others. */
export function enlist<Member>(teams: Teams<Member>, name: string, member: Member): void {
  let team = teams.find((known) => known.name === name);
  if (team === undefined) {
    team = { name, members: [] };
    teams.push(team);
    // By code units, as every engine compares alike; no two teams have one name.
    teams.sort((left, right) => (left.name < right.name ? -1 : 1));
  }
  team.members.push(member);
}

/** Everybody, in roster order. */
export function* everybody<Member>(teams: Teams<Member>): Iterable<Member> {
  for (const team of teams) yield* team.members;
}
