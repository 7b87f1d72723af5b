// SPDX-License-Identifier: Apache-2.0
// OkHttp with its own timeouts (10 s each). Arguments: URL, body, …
import okhttp3.MediaType;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.RequestBody;
import okhttp3.Response;

public class OkHttpPost {
  public static void main(String[] args) {
    OkHttpClient client = new OkHttpClient();
    MediaType form = MediaType.parse("application/x-www-form-urlencoded");
    for (int i = 1; i < args.length; ++i) {
      Request request = new Request.Builder().url(args[0]).post(RequestBody.create(form, args[i]))
          .build();
      String said;
      try (Response response = client.newCall(request).execute()) {
        said = response.code() + " " + response.body().string();
      } catch (java.io.IOException error) {
        said = error.toString();
      }
      System.out.printf("%.3f okhttp: %s%n", System.currentTimeMillis() / 1000.0, said);
    }
    client.dispatcher().executorService().shutdown();
    client.connectionPool().evictAll();
  }
}
