import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import java.util.List;

/**
 * mongo-java-server on a port of the loopback, in memory, with the arguments of mongod that the tests use. It keeps to
 * OP_MSG and to the commands that the store sends, but calls itself a 4.2, which current drivers refuse to talk to: here
 * it says 5.0 and wire version 13.
 */
public final class Server {
  private static final MongoVersion VERSION = new MongoVersion() {
    @Override
    public List<Integer> getVersionArray() {
      return List.of(5, 0, 0);
    }

    @Override
    public int getWireVersion() {
      return 13;
    }
  };

  public static void main(String[] arguments) throws InterruptedException {
    int port = 0;
    for (int at = 0; at < arguments.length; at++) {
      if (arguments[at].equals("--version")) {
        System.out.println("mongo-java-server, as MongoDB 5.0");
        return;
      }
      if (arguments[at].equals("--port")) port = Integer.parseInt(arguments[at + 1]);
    }
    MongoServer server = new MongoServer(new MemoryBackend().version(VERSION));
    server.bind("127.0.0.1", port);
    System.out.println("Waiting for connections on port " + server.getLocalAddress().getPort());
    Thread.currentThread().join();
  }
}
