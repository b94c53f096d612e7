export { hasRedis, startRedis, type RedisServer } from './redis-server.js';
