import './scenarios/peers.js';
