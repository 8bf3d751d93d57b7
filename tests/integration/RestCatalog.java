import java.util.Map;
import org.apache.iceberg.CatalogUtil;
import org.apache.iceberg.catalog.Catalog;
import org.apache.iceberg.rest.RESTCatalogAdapter;
import org.apache.iceberg.rest.RESTCatalogServlet;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.servlet.ServletContextHandler;
import org.eclipse.jetty.servlet.ServletHolder;

/** Iceberg's own REST catalog, in front of a lake's SQL catalog: PORT, then name=value of the catalog's properties. */
public class RestCatalog {
  public static void main(String[] given) throws Exception {
    Map<String, String> properties = new java.util.HashMap<>();
    for (int place = 1; place < given.length; place++) {
      String[] parts = given[place].split("=", 2);
      properties.put(parts[0], parts[1]);
    }
    Catalog catalog = CatalogUtil.buildIcebergCatalog("logpress", properties, null);
    Server server = new Server(new java.net.InetSocketAddress("127.0.0.1", Integer.parseInt(given[0])));
    ServletContextHandler context = new ServletContextHandler(ServletContextHandler.NO_SESSIONS);
    context.addServlet(new ServletHolder(new RESTCatalogServlet(new RESTCatalogAdapter(catalog))), "/*");
    server.setHandler(context);
    server.start();
    server.join();
  }
}
