// A game server: it opens a fight of a player against a bot and strikes for the player. It takes the results from a durable
// consumer, so that it goes on where it was when it is started again.
import { connectionFrom, exchange, RiposteClient } from 'riposte/client';

const riposte = await RiposteClient.connect(connectionFrom(process.env)); // NATS_URL, NATS_NKEY_SEED_FILE, ...
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
  if (verdict?.outcome !== 'accepted') throw new Error(`not accepted: ${JSON.stringify(verdict)}`);
}

await strike();
for await (const { session_id, body, ack } of results) {
  if (session_id === duel) {
    for (const { source_id, target_id, outcome, damage } of body.results.flatMap(({ hits }) => hits)) {
      console.log(`${source_id} strikes ${target_id}: ${outcome}, damage ${damage}`);
    }
    if (body.deaths.length === 0) await strike();
  }
  ack(); // if this program dies before it, the result comes again
  if (session_id === duel && body.deaths.length > 0) break;
}
console.log(`${duel} is over:`, (await riposte.state(duel))?.actors);
await riposte.disconnect();
