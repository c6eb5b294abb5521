// A game server in forty lines: it opens a fight of a player against a bot, strikes for the player, and takes what came of
// it from a durable consumer, which goes on where it was when this program is started again.
import { connectionFrom, exchange, RiposteClient } from 'riposte/client';

await using riposte = await RiposteClient.connect(connectionFrom(process.env)); // NATS_URL, NATS_NKEY_SEED_FILE, ...
const results = await riposte.durableResults('results', { from: 'now' });

const duel = `duel-${Date.now()}`;
await riposte.open({
  session_id: duel,
  teams: { red: ['101'], blue: ['-7'] },
  actors: {
    '101': { kind: 'player', name: 'Ann', stats: { hp: 60, damage: 16 } },
    '-7': { kind: 'ai', name: 'Grim', stats: { hp: 50 } },
  },
});

async function strike(): Promise<void> {
  const move = exchange('101', '-7', { attack_zones: ['head'], block_zones: ['body', 'legs'] });
  const [verdict] = await riposte.submit(duel, [move]);
  if (verdict?.outcome !== 'accepted') console.log('not accepted:', verdict);
}

await strike();
for await (const result of results) {
  if (result.session_id === duel) {
    for (const { source_id, target_id, outcome, damage } of result.body.results.flatMap(({ hits }) => hits)) {
      console.log(`${source_id} strikes ${target_id}: ${outcome}, damage ${damage}`);
    }
    if (result.body.deaths.length === 0) await strike();
  }
  result.ack(); // only now: had this program died before, the result would come again
  if (result.session_id === duel && result.body.deaths.length > 0) break;
}
console.log(`${duel} is over:`, (await riposte.state(duel))?.actors);
