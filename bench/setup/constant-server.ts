/** A bare express that answers one constant, as a process of its own; tells its port on standard output. */
import express from 'express';

const app = express();
app.get('/profile', (_request, response) => {
  response.json({ _id: '6a1f0c6e2b7d4f0e9c3a5b10', username: 'anna.rossi', name: 'Anna Rossi', email: 'anna.rossi@example.org' });
});
const server = app.listen(0, '127.0.0.1', () => {
  const address = server.address();
  console.log(typeof address === 'object' ? String(address?.port) : '');
});
