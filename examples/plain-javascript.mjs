/** The same in JavaScript as Node runs it, without `using` and without a build: publishes, reads, closes. */
import { isSluiceError, openPublisher, openSubscriber, tensor } from 'sluice';

const format = tensor('f32', [3]);
const sensor = await openPublisher('sensor/position', { format });
const view = await openSubscriber('sensor/position', { format });
try {
  const loan = sensor.tryLoan();
  if (loan) {
    loan.tensors.data.data.set([1, 2, 3]);
    // publish() takes the slot away: nothing else has to be done with the loan.
    loan.publish();
  }
  // The loop releases its frames, also at break and at a throw.
  for await (const frame of view) {
    console.log(`position ${[...frame.tensors.data.data].join(', ')}`);
    break;
  }
  // A second publisher of the same name is refused, with a code, facts and a remedy.
  await openPublisher('sensor/position', { format });
} catch (error) {
  if (!isSluiceError(error, 'CHANNEL_IN_USE')) throw error;
  console.log(error.code);
} finally {
  await view.close();
  await sensor.close();
}
